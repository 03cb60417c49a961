"""Logic shared by the GIMP and Krita plug-ins: traits of operations, views, state, previews, updates and refusals.

It uses only the standard library and depends on neither an editor nor a widget toolkit.
"""

"""Logic shared by the GIMP and Krita plug-ins: dialog state, previews and their views, updates, errors.

It uses only the standard library and depends on neither an editor nor a widget toolkit.
"""

"""What GIMP's and Krita's plug-ins do alike: traits of operations, views, state, previews, updates, refusals.

Standard library only. Nothing here knows an editor or a widget.
"""

"""Weights on disk: what they are (`card`), where they lie (`locate`), writing (`save`), reading (`load`)."""

"""Model weights on disk: their description (`card`), folders (`locate`), writing (`save`) and reading (`load`)."""

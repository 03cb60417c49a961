"""Cache of depth maps and subjects, kept on disk unless the user turns it off (see `choice`)."""

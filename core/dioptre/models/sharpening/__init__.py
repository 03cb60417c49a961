"""The sharpening network, which recognises where a picture was sharpened."""

"""SPAN: a network that enlarges pictures faithfully by two or four."""

from .config import SpanConfig as SpanConfig
from .module import Span as Span

__all__ = ["Span", "SpanConfig"]

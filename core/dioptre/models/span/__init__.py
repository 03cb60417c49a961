"""SPAN: faithful enlargement by two or four."""

from .config import SpanConfig as SpanConfig
from .module import Span as Span

__all__ = ["Span", "SpanConfig"]

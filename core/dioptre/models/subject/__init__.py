"""The subject network: a head on the depth network's backbone locates the subject; U²-Net-P finds its edges."""

from .config import SubjectConfig as SubjectConfig
from .module import SubjectNetwork as SubjectNetwork

__all__ = ["SubjectConfig", "SubjectNetwork"]

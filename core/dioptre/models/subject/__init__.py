"""What a picture is of: a head on the depth network's backbone says where, U²-Net-P where its edges run."""

from .config import SubjectConfig as SubjectConfig
from .module import SubjectNetwork as SubjectNetwork

__all__ = ["SubjectConfig", "SubjectNetwork"]

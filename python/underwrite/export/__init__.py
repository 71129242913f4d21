"""Models of other libraries, written down so that ``underwrite import`` can read them.

No pickle is ever read: the fitted object is taken apart in the process that has it.
"""

from ._sklearn import ExportError, sklearn

__all__ = ["ExportError", "sklearn"]

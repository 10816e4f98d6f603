"""What the model reads, base by base, and the regions it weighs most. The package is also a function: `phenolens.explain(model, sequences)`.

A stage, its folder and the function carry the same word, and a package hides a function of its name as soon as anything imports from
it; so the package itself can be called (`explain/standalone.py` says how). Importing it loads nothing.
"""

import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from phenolens.core.types import BaseScores


class _Explain(ModuleType):
    """The package as a function."""

    def __call__(self, *arguments: Any, **options: Any) -> "BaseScores":
        """Return the scores of every base, as `phenolens.explain.standalone.explain`, which says what may be given."""
        from phenolens.explain.standalone import explain

        return explain(*arguments, **options)


sys.modules[__name__].__class__ = _Explain

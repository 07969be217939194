"""What is to be loaded as soon as another library is: the other library itself is never loaded for it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType


def load_with(library: str, *, module: str) -> None:
    """Import `module` now if `library` is loaded, else right after it is.

    Parameters
    ----------
    library : str
        Top-level name of the library to wait for.
    module : str
        Full name of the module to import then.

    Examples
    --------
    >>> from klikit_frames.latecomers import load_with
    >>> load_with("pandas", module="klikit_frames.accessor")
    """
    if library in sys.modules:
        import_module(module)
    else:
        sys.meta_path.insert(0, _Lookout(library, module))


class _Lookout(MetaPathFinder):
    """Stands first in the queue of finders until the library is asked for, then leaves it."""

    def __init__(self, library: str, module: str) -> None:
        self._library = library
        self._module = module

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != self._library:
            return None
        sys.meta_path.remove(self)
        spec = find_spec(fullname)
        if spec is not None and spec.loader is not None:
            spec.loader = _Companion(spec.loader, self._module)
        return spec


class _Companion(Loader):
    """Loads as the library's own loader does, then the module that waits for it."""

    def __init__(self, own: Loader, module: str) -> None:
        self._own = own
        self._module = module

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._own.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        # From here on the library is as if nobody had waited for it.
        module.__loader__ = self._own
        if module.__spec__ is not None:
            module.__spec__.loader = self._own
        self._own.exec_module(module)
        import_module(self._module)

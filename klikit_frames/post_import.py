"""Post-import hook: import a module right after a library is imported, without importing the library."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType


def import_after(library: str, *, module: str) -> None:
    """Import `module` now if `library` is imported already, else right after it is.

    Parameters
    ----------
    library : str
        Top-level name of the library.
    module : str
        Full name of the module to import then.

    Examples
    --------
    >>> from klikit_frames.post_import import import_after
    >>> import_after("pandas", module="klikit_frames.accessor")
    """
    if library in sys.modules:
        import_module(module)
    else:
        sys.meta_path.insert(0, _PostImportFinder(library, module))


class _PostImportFinder(MetaPathFinder):
    """First in ``sys.meta_path`` until the library is imported; then it removes itself."""

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
            spec.loader = _PostImportLoader(spec.loader, self._module)
        return spec


class _PostImportLoader(Loader):
    """The library's own loader, which imports the module afterwards."""

    def __init__(self, loader: Loader, module: str) -> None:
        self._loader = loader
        self._module = module

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        # The library keeps its own loader, as if there were no hook.
        module.__loader__ = self._loader
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader
        self._loader.exec_module(module)
        import_module(self._module)

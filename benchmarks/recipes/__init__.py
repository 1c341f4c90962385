"""Training recipes on the embedded weights, one command each, and what they gain.

python -m benchmarks.recipes sft                  # three seeds
python -m benchmarks.recipes grpo-length --seeds 0
"""

RECIPES = (
    "sft", "grpo-length", "grpo-failures", "grpo-constraints", "dpo", "threads", "countdown",
    "self-lengthen",
)  # fmt: skip

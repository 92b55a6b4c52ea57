# The emulator, and a SageMaker container for the built-in image-classification algorithm, in one image.
#
# BASE is any image with Python 3.11 or later and its venv module. PIP_OPTIONS is for those who have the packages
# beside the project: "--no-index --find-links=wheels".
ARG BASE=python:3.13-slim

FROM ${BASE} AS build
ARG PIP_OPTIONS=""
COPY . /source
WORKDIR /source
# Left out: plots, which are made where people look at them; other people's tests; ONNX Runtime's library for programs in
# C, which its Python module does not use; byte code of what is not loaded here.
RUN python3 -m venv /opt/harness \
    && /opt/harness/bin/python -m pip install --no-cache-dir --no-compile --disable-pip-version-check \
        ${PIP_OPTIONS} ".[serve]" "pandas>=2.2" \
    && /opt/harness/bin/python -m pip uninstall --yes --quiet pip \
    && cd /opt/harness/lib/python3*/site-packages \
    && find . -type d \( -name tests -o -path ./onnx/backend/test \) -prune -exec rm -rf {} + \
    && find . \( -name "*.pyi" -o -name "libonnxruntime.so*" \) -delete \
    && find . -type d -name __pycache__ -prune -exec rm -rf {} + \
    && /opt/harness/bin/python /source/compose/warm.py

FROM ${BASE}
COPY --from=build /opt/harness /opt/harness
# SageMaker starts a container with `train` or `serve`.
COPY compose/train compose/serve /usr/local/bin/
ENV PATH=/opt/harness/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    HARNESS_CACHE=/tmp/harness \
    MPLCONFIGDIR=/tmp/matplotlib
# A folder for what is kept, whoever the compose file runs it as. The image itself names no user: SageMaker mounts /opt/ml
# as root. A clone that was made with umask 077 has programs for its owner alone.
RUN mkdir -p /var/lib/harness && chmod 1777 /var/lib/harness && chmod 755 /usr/local/bin/train /usr/local/bin/serve
WORKDIR /workspace
EXPOSE 4566 8080
CMD ["harness", "up", "--host", "0.0.0.0"]

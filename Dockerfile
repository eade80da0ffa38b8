# The programs, and the development server with a model inside.
#
#   docker build --tag tfstyle .
#   docker build --tag tfstyle:gpu --target gpu .
#
#   docker run --rm --publish 127.0.0.1:8501:8501 tfstyle
#   docker run --rm --volume "$PWD:/work" --user "$(id -u)" tfstyle \
#     tfstyle optimize --content=cat.jpg --style=wave.jpg --output=painted.png
#
# `--gpus=all tfstyle:gpu` needs NVIDIA's driver and its container toolkit.
# compose.yaml starts both.

FROM debian:trixie-slim AS base

# Versions of Debian's packages change with its point releases, and older ones
# vanish: they cannot be named here.
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install --yes --no-install-recommends python3 python3-venv \
 && rm -rf /var/lib/apt/lists/* \
 && python3 -m venv /opt/venv \
 && useradd --uid 1000 tfstyle
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONPATH=/opt/tfstyle \
    TFSTYLE_HOME=/cache \
    MPLCONFIGDIR=/tmp

# Mounted, not copied: the sources would stay in the image beside the package.
RUN --mount=type=bind,target=/src,rw \
    pip install --no-cache-dir '/src[print,report,serving,video]'
# These are not part of the package.
COPY export /opt/tfstyle/export
COPY serving /opt/tfstyle/serving
RUN python -m export.saved_model --model=distilled --output=/models/style \
 # Any user may keep downloaded weights, and paint in /work.
 && mkdir /work && install --directory --mode=1777 /cache \
 && chown 1000 /work

WORKDIR /work
EXPOSE 8500 8501
CMD ["python", "-m", "serving.dev_server", "--host=0.0.0.0", \
     "--model_name=style", "--model_base_path=/models/style"]
HEALTHCHECK --start-period=60s --interval=30s --timeout=10s \
  CMD ["python", "-c", "import urllib.request as web; \
web.urlopen('http://127.0.0.1:8501/v1/models/style')"]

FROM base AS gpu
# CUDA for the release of TensorFlow that is there.
RUN pip install --no-cache-dir "tensorflow[and-cuda]==$(python -c \
 'import importlib.metadata as m; print(m.version("tensorflow"))')"
ENV NVIDIA_VISIBLE_DEVICES=all NVIDIA_DRIVER_CAPABILITIES=compute,utility
USER 1000

# The last one is built where no target is named.
FROM base AS cpu
USER 1000

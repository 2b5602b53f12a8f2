# syntax=docker/dockerfile:1
# The server as an image, for amd64 and arm64. From the root of the checkout:
#   docker build -t morelike .
#   docker build -t morelike --build-arg LOCK=base-demo .                 # pictures and embedded stores only
#   docker build -t morelike --build-arg MODELS="mobilenet-v2 yamnet" .   # with these weights in it
#   docker buildx build --platform linux/amd64,linux/arm64 -t REGISTRY/morelike:TAG --push .
# docs/deployment.md says what it needs at run time. Base images are pinned by tag; pin the digest that you have tested:
#   --build-arg BASE=python:3.12-slim-bookworm@sha256:…
ARG BASE=python:3.12-slim-bookworm

# ---- what runs: every package at its locked version, held against its hashes, and the wheel of this checkout
FROM ${BASE} AS installed
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /src
# a file of requirements/: image has all that a server uses; base-demo has the page, pictures and embedded stores
ARG LOCK=image
COPY requirements/${LOCK}.txt requirements/
RUN --mount=type=cache,target=/root/.cache/pip \
    python -m venv /opt/morelike && \
    /opt/morelike/bin/pip install --require-hashes --no-deps --only-binary :all: --requirement requirements/${LOCK}.txt
COPY pyproject.toml README.md LICENSE NOTICE ./
COPY src/ src/
RUN /opt/morelike/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /dist . && \
    /opt/morelike/bin/pip install --no-deps /dist/*.whl && \
    /opt/morelike/bin/pip check && \
    /opt/morelike/bin/pip uninstall --yes editables hatchling pip
COPY deploy/probe.py /opt/morelike/probe.py

# ---- weights that come with the image: names of cards, parted by spaces (morelike models list). Each is checked
# against its digest. For gated ones: --secret id=hub_token,env=HUB_TOKEN
FROM installed AS weights
ARG MODELS=""
RUN --mount=type=secret,id=hub_token \
    if [ -s /run/secrets/hub_token ]; then MORELIKE_HUB_TOKEN="$(cat /run/secrets/hub_token)"; export MORELIKE_HUB_TOKEN; fi; \
    export MORELIKE_MODELS_CACHE=/opt/models && \
    mkdir -p /opt/models && \
    for name in ${MODELS}; do /opt/morelike/bin/morelike models pull "$name" || exit 1; done

# ---- the image
FROM ${BASE}
# libraries that wheels expect of the system: RDKit's drawings. Their versions are those of the base's own release, which
# has only one of each
# hadolint ignore=DL3008
RUN apt-get update && \
    apt-get install --yes --no-install-recommends libx11-6 libxext6 libxrender1 && \
    rm -rf /var/lib/apt/lists/*
# every other uid works too, if it may write /data and /models
RUN groupadd --system --gid 10001 morelike && \
    useradd --system --uid 10001 --gid 10001 --no-create-home --home-dir /tmp --shell /usr/sbin/nologin morelike && \
    mkdir -p /data /models /etc/morelike && \
    chown 10001:10001 /data /models
COPY --from=installed /opt/morelike/ /opt/morelike/
COPY --from=weights /opt/models/ /opt/models/
COPY LICENSE NOTICE /usr/share/doc/morelike/

ARG VERSION=unknown
ARG REVISION=unknown
LABEL org.opencontainers.image.title="morelike" \
      org.opencontainers.image.description="More like this, for anything: similarity search by example" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.source="https://github.com/morelike/morelike" \
      org.opencontainers.image.documentation="https://github.com/morelike/morelike/tree/main/docs" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
ENV PATH=/opt/morelike/bin:$PATH \
    HOME=/tmp \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    MORELIKE_LIBRARY=/data \
    MORELIKE_MODELS=/opt/models \
    MORELIKE_MODELS_CACHE=/models
# morelike.toml is read from here where one is mounted
WORKDIR /etc/morelike
USER 10001:10001
VOLUME ["/data", "/models"]
EXPOSE 8000
# running requests get 15 s, then jobs are given back to the queue: allow 45 s (docker stop --time 45)
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s --retries=3 CMD ["python", "-I", "/opt/morelike/probe.py", "/healthz"]
ENTRYPOINT ["morelike"]
CMD ["serve", "--host", "0.0.0.0", "--port", "8000", "--log-format", "json"]

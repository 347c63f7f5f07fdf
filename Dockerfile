# Brickbench with Ray, for containers of a cluster (docs/cluster.md): docker build -t brickbench .
# GPUs come in through the container runtime; Cycles and torch bring all else.
FROM debian:bookworm-slim

# What bpy's wheel needs and does not bring is listed in core/system.py; a test holds this line against it. KubeRay's
# probes want wget.
RUN apt-get update && apt-get install -y --no-install-recommends \
        libx11-6 libxrender1 libxfixes3 libxi6 libxext6 libxkbcommon0 libsm6 libice6 libgl1 \
        ca-certificates make python3.11 python3.11-venv wget \
    && rm -rf /var/lib/apt/lists/*

WORKDIR /opt/brickbench
COPY . .
# The locked environment, with the extras cluster and s3; `make setup` makes it on any machine. No cache stays behind.
RUN UV_NO_CACHE=1 PIP_NO_CACHE_DIR=1 make setup PYTHON=python3.11
# KubeRay before 1.4 starts Ray by a login shell, which sets PATH anew.
RUN echo 'PATH=/opt/brickbench/.venv/bin:$PATH' > /etc/profile.d/brickbench.sh
# To the container runtime OptiX is graphics, which it leaves out unless asked.
ENV PATH=/opt/brickbench/.venv/bin:$PATH \
    NVIDIA_DRIVER_CAPABILITIES=compute,graphics,utility \
    RAY_USAGE_STATS_ENABLED=0
CMD ["brickbench", "doctor"]

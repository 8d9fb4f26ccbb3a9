# One image with the three commands: splitter, model-server, verdigris. Build it from the root of the checkout:
#   docker build -f deploy/verdigris.Dockerfile -t verdigris .

FROM python:3.11-slim AS build
WORKDIR /src
RUN apt-get update && apt-get install --yes --no-install-recommends gcc libc6-dev && rm -rf /var/lib/apt/lists/*
COPY setup.py pyproject.toml constraints.txt README.md LICENSE ./
COPY mesh mesh
COPY splitter splitter
COPY model_server model_server
COPY rollout rollout
RUN python -m venv /opt/verdigris \
 && /opt/verdigris/bin/pip install --no-cache-dir --constraint constraints.txt .

FROM python:3.11-slim
COPY --from=build /opt/verdigris /opt/verdigris
RUN useradd --system --uid 10001 --no-create-home verdigris \
 && install --directory --owner verdigris /var/lib/verdigris
ENV PATH=/opt/verdigris/bin:$PATH PYTHONUNBUFFERED=1
WORKDIR /var/lib/verdigris
USER verdigris
CMD ["verdigris", "--help"]

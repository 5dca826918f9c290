#   docker build -t nija .
#   docker run --env-file .env -v nija-data:/app/data -v ./config/users:/app/config/users:ro --network host \
#     --read-only --tmpfs /tmp --cap-drop ALL --security-opt no-new-privileges --stop-timeout 60 nija
# Or, with all of that written down: docker compose up -d (docker-compose.yml).
# Before production name the base by its digest too (docker build --build-arg BASE=python:3.12.11-slim-bookworm@sha256:...):
# a tag can change under you.
ARG BASE=python:3.12.11-slim-bookworm

FROM ${BASE} AS packages
WORKDIR /app
COPY start.sh requirements.txt ./
# The same locked install as outside; this layer is made again only when the lock file changes.
RUN ./start.sh install

FROM ${BASE}
RUN groupadd --gid 10001 nija \
    && useradd --uid 10001 --gid nija --no-create-home --home-dir /app --shell /usr/sbin/nologin nija \
    && mkdir -p /app/data \
    && chown nija:nija /app/data
WORKDIR /app
COPY --from=packages /app/.venv .venv
COPY . .
# Nothing is written but to the volume; output is not held back.
ENV PATH=/app/.venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    MPLCONFIGDIR=/tmp \
    NIJA_DATA_DIR=/app/data
USER nija
# No VOLUME line: Railway refuses a Dockerfile that has one. docker-compose.yml and the command above name the volume.

# Red when the copy engine's heartbeat stops or the ledger cannot be written, not only when the process is gone.
HEALTHCHECK --interval=60s --timeout=20s --start-period=60s --retries=3 \
    CMD ["python", "bot.py", "health"]

# Python is process 1 and gets the stop signal itself; --stop-timeout above leaves it time to settle open orders.
ENTRYPOINT ["python", "bot.py"]

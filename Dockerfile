#   docker build -t nija .
#   docker run --env-file .env -v nija-data:/app/data -v ./config/users:/app/config/users:ro --stop-timeout 60 nija
# Harder, and enough for the bot: --read-only --tmpfs /tmp --cap-drop ALL --security-opt no-new-privileges
# For production name the base by its digest (python:3.12-slim@sha256:...): a tag can change under you.

FROM python:3.12-slim AS packages
WORKDIR /app
COPY start.sh requirements.txt ./
# The same locked install as outside; this layer is made again only when the lock file changes.
RUN ./start.sh install

FROM python:3.12-slim
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
    NIJA_DATA_DIR=/app/data
USER nija
VOLUME /app/data

# Asks from outside, as an operator would: it succeeds when a bot holds the data folder and the ledger can be read. That
# the process exists is what Docker sees by itself, and does not say either.
HEALTHCHECK --interval=60s --timeout=20s --start-period=60s --retries=3 \
    CMD ["python", "bot.py", "status", "--json"]

# Python is process 1 and gets the stop signal itself; --stop-timeout above leaves it time to settle open orders.
ENTRYPOINT ["python", "bot.py"]

# The web tier for those who run containers, one process a container: the site, or by another command a consumer, the
# sweeper, migrate_once or Flower. From the repository's root:
#   docker build -f infra/docker/web.Dockerfile -t recognition-web .
FROM python:3.11-slim-bookworm
RUN useradd --uid 10001 --home-dir /opt/recognition --no-create-home --shell /usr/sbin/nologin recognition
WORKDIR /opt/recognition
ENV PYTHONUNBUFFERED=1
ADD --chmod=0644 https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem rds-ca.pem
COPY requirements requirements
RUN pip install --no-cache-dir --no-deps -r requirements/web.txt
COPY project project
COPY classify_app classify_app
COPY manage.py .
COPY infra/ami/collect-static.sh infra/ami/collect-static.sh
RUN infra/ami/collect-static.sh python
USER 10001
EXPOSE 8000
# uvicorn reads FORWARDED_ALLOW_IPS: the addresses of the proxy that ends TLS.
CMD ["python", "-m", "uvicorn", "project.asgi:application", "--host", "0.0.0.0", "--port", "8000", "--lifespan", "on", "--http", "classify_app.http.header_limit:HeaderLimitProtocol", "--timeout-graceful-shutdown", "310", "--no-access-log", "--timeout-keep-alive", "410"]
# Containers with another command are run with --no-healthcheck.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/healthz', timeout=4)"]

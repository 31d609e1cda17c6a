# The service with the CPU build of torch and the model inside: nothing is fetched at run time.
#
#   docker build -t pointmark .
#
# Behind a proxy or with a package index of your own, give pip's configuration and a CA bundle as
# build secrets; neither is in the image afterwards:
#
#   docker build --secret id=pip_conf,src=pip.conf --secret id=ca_bundle,src=ca.pem -t pointmark .

ARG PYTHON_IMAGE=python:3.11-slim-bookworm

FROM ${PYTHON_IMAGE} AS packages
WORKDIR /build
COPY tools/install.py tools/
COPY requirements.txt pyproject.toml ./
RUN --mount=type=secret,id=pip_conf,target=/etc/pip.conf \
    --mount=type=secret,id=ca_bundle \
    if [ -s /run/secrets/ca_bundle ]; then \
        export PIP_CERT=/run/secrets/ca_bundle SSL_CERT_FILE=/run/secrets/ca_bundle; \
    fi \
    && PIP_NO_CACHE_DIR=1 python3 tools/install.py --venv /opt/venv --no-project
COPY tools/slim.sh tools/
RUN sh tools/slim.sh /opt/venv

FROM ${PYTHON_IMAGE}
RUN useradd --system --uid 10001 --home-dir /nonexistent --shell /usr/sbin/nologin pointmark \
    && printf '#!/bin/sh\nexec /opt/venv/bin/python -m service "$@"\n' > /usr/local/bin/pointmark \
    && chmod 755 /usr/local/bin/pointmark
COPY --from=packages /opt/venv /opt/venv
WORKDIR /srv/pointmark
COPY LICENSE NOTICE pyproject.toml requirements.txt ./
COPY models models
COPY migrations migrations
COPY seed seed
COPY service service
# Compiled here, because the user below can write nowhere but /tmp.
RUN /opt/venv/bin/python -m compileall -q service
ENV PYTHONPATH=/srv/pointmark \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    HF_HUB_OFFLINE=1 \
    HOME=/tmp \
    POINTMARK_HOME=/tmp/pointmark \
    POINTMARK_HOST=0.0.0.0
USER 10001
EXPOSE 8000
HEALTHCHECK --interval=5s --timeout=5s --start-period=120s --retries=3 \
    CMD ["/opt/venv/bin/python", "-S", "service/healthcheck.py"]
ENTRYPOINT ["/opt/venv/bin/python", "-m", "service"]
CMD ["serve"]

# The flow image: tasks/ and utils/ with the packages that flows are locked to, for a user who is not root.
# What it is made of is listed in components/image_content.py and in .dockerignore. Azure builds it with the classic
# builder, so nothing here may need BuildKit. No secret comes in: an image is read by all who may pull it.

# An environment names its own copy of this, by its digest.
ARG BASE=docker.io/library/python:3.11-slim-bookworm

FROM ${BASE} AS build
COPY requirements/flows.txt /build/flows.txt
# All comes as wheels of the lock. pendulum alone has none: what builds it is pinned here, because pip fetches that by no
# lock, and it does without the compiler that is not here.
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore PIP_QUIET=1
RUN echo "poetry-core==2.5.0 --hash=sha256:98ee465b66f7e14bb9fbe68fb5e00d0cff184f036993ec94610ae4b5612f3add" \
        > /build/backend.txt \
    && python -m pip install --require-hashes --only-binary=:all: --target /build/backend -r /build/backend.txt
RUN python -m venv --without-pip /opt/venv \
    && PYTHONPATH=/build/backend python -m pip --python /opt/venv/bin/python install \
        --require-hashes --only-binary=:all: --no-binary=pendulum --no-build-isolation -r /build/flows.txt
COPY tasks /opt/flows/tasks
COPY utils /opt/flows/utils
# A run cannot write next to a module; and whoever builds this from a checkout may keep its files to himself.
RUN chmod -R a+rX /opt/flows && /opt/venv/bin/python -m compileall -q /opt/flows

FROM ${BASE}
ARG BASE
ARG CONTENT_HASH=unknown
LABEL org.opencontainers.image.title="flows" \
    org.opencontainers.image.description="tasks/ and utils/ with the packages that flows run with" \
    org.opencontainers.image.version="${CONTENT_HASH}" \
    org.opencontainers.image.base.name="${BASE}"
COPY --from=build /opt/venv /opt/venv
COPY --from=build /opt/flows /opt/flows
ENV PATH=/opt/venv/bin:${PATH} PYTHONPATH=/opt/flows PYTHONUNBUFFERED=1 HOME=/tmp
# The number that the environment's pods run as; /tmp is what they can write.
USER 10001:10001
WORKDIR /opt/flows
CMD ["prefect", "version"]

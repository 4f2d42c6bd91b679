# syntax=docker/dockerfile:1
# The broker alone, without the simulator:
#   docker build -t room-broker .
#   docker run --read-only -p 8080:8080 -v "$PWD/room-broker.toml:/etc/room-broker/room-broker.toml:ro" room-broker

FROM rust:1.95-slim-bookworm AS build
WORKDIR /build
# jemalloc is built with it.
RUN apt-get update \
 && apt-get install -y --no-install-recommends make \
 && rm -rf /var/lib/apt/lists/*
# It must not be built for smaller pages than it meets: kernels for Arm have up to 64 KiB (2^16).
RUN printf '[env]\nJEMALLOC_SYS_WITH_LG_PAGE = "%s"\n' "$([ "$(uname -m)" = aarch64 ] && echo 16 || echo 12)" \
  >> "$CARGO_HOME/config.toml"

# Dependencies in a layer of their own: it is built again only when a manifest changes.
COPY Cargo.toml Cargo.lock build.rs ./
RUN mkdir -p src \
 && echo '//! stands in' > src/lib.rs \
 && echo 'fn main() {}' > src/main.rs \
 && cargo build --release --locked --no-default-features --features jemalloc \
 && rm -r src

# What the binary is made of: the sources, and the files that they include.
COPY openapi.yaml openapi-internal.yaml ./
COPY config/default.toml config/
COPY src src
# Files from the build context can be older than the stand-ins; cargo goes by their times.
RUN find src -name '*.rs' -exec touch {} + \
 && cargo build --release --locked --no-default-features --features jemalloc --bin room-broker


FROM gcr.io/distroless/cc-debian12:nonroot
LABEL org.opencontainers.image.title="room-broker" \
      org.opencontainers.image.description="Verifies a product's users and hands out join links to Digital Samba rooms"
COPY --from=build /build/target/release/room-broker /usr/local/bin/room-broker
# Both the server and the health check read it.
ENV ROOM_BROKER_CONFIG=/etc/room-broker/room-broker.toml
USER 65532:65532
EXPOSE 8080 8081 8082
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s --retries=3 \
  CMD ["/usr/local/bin/room-broker", "healthcheck"]
ENTRYPOINT ["/usr/local/bin/room-broker"]
CMD ["serve"]

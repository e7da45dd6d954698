# The server without the embedded ClickHouse: docker-compose.yml brings a ClickHouse of its own.

FROM node:22-bookworm-slim AS web
WORKDIR /src
COPY package.json package-lock.json .npmrc ./
# libchdb, 600 MB, is the one optional dependency
RUN npm ci --omit=optional --no-fund --no-audit
COPY web ./web
RUN npm run build

FROM golang:1.26-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
COPY --from=web /src/web/dist ./web/dist
ARG VERSION=docker
RUN CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X leadline.Version=${VERSION}" -o /leadline ./cmd/leadline

FROM debian:12-slim
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --system --uid 10001 --home-dir /var/lib/leadline --create-home leadline
COPY --from=web /src/node_modules/@ip-location-db/geo-whois-asn-country-mmdb/geo-whois-asn-country.mmdb /usr/share/leadline/country.mmdb
COPY --from=build /leadline /usr/local/bin/leadline
USER leadline
WORKDIR /var/lib/leadline
VOLUME /var/lib/leadline
EXPOSE 8080
ENTRYPOINT ["leadline"]
CMD ["serve", "--config", "/etc/leadline/leadline.yaml"]

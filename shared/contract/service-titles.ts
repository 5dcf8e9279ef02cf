/** What the services are called; the names are the products' own, in every language. */
import type { Service } from "./tunnels-file.ts";

/** By the word in tunnels.json. */
export const SERVICE_TITLES: Readonly<Record<Service, string>> = {
  redis: "Redis",
  "redis-cluster": "Redis Cluster",
  mysql: "MySQL",
  postgres: "PostgreSQL",
  mongodb: "MongoDB",
  tcp: "TCP",
};

/** Whether `service` speaks Redis's protocol. */
export function isRedis(service: unknown): service is "redis" | "redis-cluster" {
  return service === "redis" || service === "redis-cluster";
}

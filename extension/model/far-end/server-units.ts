/**
 * The fixed parts of systemd units for the far end. SERVE_UNIT has the content of
 * docs/examples/tunneld.service; a test compares them.
 */

/** Lines of the [Service] section for spiped: a user of its own, and no rights that spiped does not need. */
export const SPIPED_HARDENING = [
  "DynamicUser=yes",
  "Restart=on-failure",
  "RestartSec=1",
  "NoNewPrivileges=yes",
  "CapabilityBoundingSet=",
  "ProtectSystem=strict",
  "ProtectHome=yes",
  "PrivateTmp=yes",
  "PrivateDevices=yes",
  "ProtectKernelTunables=yes",
  "ProtectKernelModules=yes",
  "ProtectControlGroups=yes",
  "RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX",
  "RestrictNamespaces=yes",
  "MemoryDenyWriteExecute=yes",
  "SystemCallArchitectures=native",
  "SystemCallFilter=@system-service",
  "LimitCORE=0",
  "UMask=0077",
] as const;

/** The unit for `tunneld serve`. */
export const SERVE_UNIT = `[Unit]
Description=Far ends of encrypted tunnels (tunneld serve)
Documentation=https://www.tarsnap.com/spiped.html
After=network-online.target
Wants=network-online.target

[Service]
Type=notify
NotifyAccess=all
ExecStart=/usr/bin/node /usr/local/lib/tunneld/tunneld.cjs serve --config /etc/tunneld/tunnels.json --metrics 127.0.0.1:9479
ExecReload=/bin/kill -HUP $MAINPID
User=tunneld
Restart=on-failure
RestartSec=1
TimeoutStopSec=75
LimitNOFILE=65536
NoNewPrivileges=yes
CapabilityBoundingSet=
ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes
PrivateDevices=yes
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectKernelLogs=yes
ProtectControlGroups=yes
ProtectClock=yes
ProtectHostname=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
LimitCORE=0
UMask=0077
UnsetEnvironment=NODE_OPTIONS

[Install]
WantedBy=multi-user.target
`;

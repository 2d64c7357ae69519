/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What systemd wants to hear (sd_notify(3)): a datagram to $NOTIFY_SOCKET. */
#ifndef SLUICE_BASE_NOTIFY_H
#define SLUICE_BASE_NOTIFY_H

/* Opens the socket while that is still allowed. Without $NOTIFY_SOCKET
 * everything here does nothing. */
void notify_open(void);
void notify_ready(void);
void notify_reloading(void);
void notify_stopping(void);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the daemon gives up once everything is open, and what it keeps. */
#ifndef SLUICE_BASE_PRIVILEGES_H
#define SLUICE_BASE_PRIVILEGES_H

/*
 * Drops capabilities, forbids gaining any, turns off core dumps and limits the
 * system calls. Logs what fails. There is no way back.
 */
int privileges_drop(void);

#endif

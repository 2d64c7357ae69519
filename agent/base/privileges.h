/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the daemon gives up once everything is open, and what it keeps. */
#ifndef SLUICE_BASE_PRIVILEGES_H
#define SLUICE_BASE_PRIVILEGES_H

/*
 * Before the event loop is made: takes io_uring away, which carries out system
 * calls that no filter sees. A loop made later would use it (libuv from 1.46
 * on) and lose it in the middle. Logs what fails.
 */
int privileges_prepare(void);

/*
 * Drops capabilities, forbids gaining any, turns off core dumps and limits the
 * system calls. Logs what fails. There is no way back.
 */
int privileges_drop(void);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What makes the relay's program another one: included before its source when
 * the program is built that the upgrade is measured with. */
const volatile unsigned int upgraded = 1;

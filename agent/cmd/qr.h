/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A configuration as a QR code, for phones. */
#ifndef SLUICE_CMD_QR_H
#define SLUICE_CMD_QR_H

#include "cmd/text.h"

/*
 * Appends the code for terminals (two modules a character, UTF-8 half blocks, in
 * fixed colours, which scanners need on any background) or as an SVG picture.
 * Comments in the configuration are left out. 0, -ERANGE (too long for a code)
 * or -ENOMEM.
 */
int qr_terminal(struct text *out, const char *config);
int qr_svg(struct text *out, const char *config);

#endif

// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/qr.h"

#include <errno.h>
#include <string.h>

#include <qrencode.h>
#include <sodium.h>

#define QUIET 4 /* modules of margin (ISO/IEC 18004) */

/* A smaller code is read more easily: comments and blank lines go. */
static void strip(struct text *out, const char *config)
{
	while (*config) {
		size_t len = strcspn(config, "\n");
		size_t whole = len + (config[len] == '\n');

		if (len && *config != '#')
			text_put(out, config, whole);
		config += whole;
	}
}

static int encode(QRcode **code, const char *config)
{
	struct text stripped = {0};
	int err = 0;

	strip(&stripped, config);
	if (stripped.failed || !stripped.bytes)
		err = -ENOMEM;
	if (!err) {
		*code = QRcode_encodeString8bit(stripped.bytes, 0,
						QR_ECLEVEL_L);
		if (!*code)
			err = errno == ERANGE ? -ERANGE : -ENOMEM;
	}
	text_clear(&stripped);
	return err;
}

/* Wipes: the code is the private key. */
static void code_free(QRcode *code)
{
	sodium_memzero(code->data, (size_t)code->width * (size_t)code->width);
	QRcode_free(code);
}

static bool is_dark(const QRcode *code, int x, int y)
{
	if (x < 0 || y < 0 || x >= code->width || y >= code->width)
		return false;
	return code->data[y * code->width + x] & 1;
}

int qr_terminal(struct text *out, const char *config)
{
	/* By the upper and the lower module: light ones are drawn, in white. */
	static const char *const blocks[2][2] = {
		{"\u2588", "\u2580"},
		{"\u2584", " "},
	};
	QRcode *code;
	int err = encode(&code, config);

	if (err)
		return err;
	for (int y = -QUIET; y < code->width + QUIET; y += 2) {
		text_add(out, "\033[40;97m");
		for (int x = -QUIET; x < code->width + QUIET; x++)
			text_add(out, "%s",
				 blocks[is_dark(code, x, y)]
				       [is_dark(code, x, y + 1)]);
		text_add(out, "\033[0m\n");
	}
	code_free(code);
	return out->failed ? -ENOMEM : 0;
}

int qr_svg(struct text *out, const char *config)
{
	QRcode *code;
	int size, err = encode(&code, config);

	if (err)
		return err;
	size = code->width + 2 * QUIET;
	text_add(
		out,
		"<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\">\n"
		"<rect width=\"%d\" height=\"%d\" fill=\"#fff\"/>\n<path d=\"",
		size, size, size, size);
	for (int y = 0; y < code->width; y++)
		for (int x = 0; x < code->width; x++)
			if (is_dark(code, x, y))
				text_add(out, "M%d %dh1v1h-1z", x + QUIET,
					 y + QUIET);
	text_add(out, "\"/>\n</svg>\n");
	code_free(code);
	return out->failed ? -ENOMEM : 0;
}

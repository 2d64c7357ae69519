/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The protocol's constants (the paper's section 6.1) and the kernel's where the
 * paper leaves them open. */
#ifndef SLUICE_WG_LIMITS_H
#define SLUICE_WG_LIMITS_H

#include <stdint.h>

#define WG_SECOND_NS UINT64_C(1000000000)

#define WG_REKEY_AFTER_MESSAGES (UINT64_C(1) << 60)
/* 2^64 - 2^13 - 1 in the paper; minus our window, so that it never wraps. */
#define WG_REJECT_AFTER_MESSAGES (UINT64_MAX - (UINT64_C(1) << 13))
#define WG_REKEY_AFTER_NS (120 * WG_SECOND_NS)
#define WG_REJECT_AFTER_NS (180 * WG_SECOND_NS)
#define WG_REKEY_ATTEMPT_NS (90 * WG_SECOND_NS)
#define WG_REKEY_TIMEOUT_NS (5 * WG_SECOND_NS)
#define WG_REKEY_JITTER_NS (WG_SECOND_NS / 3)
#define WG_KEEPALIVE_TIMEOUT_NS (10 * WG_SECOND_NS)

/* At most 50 initiations a second of one peer are worth Curve25519. */
#define WG_INITIATION_GAP_NS (WG_SECOND_NS / 50)
/* Stamps are rounded down to this: the greatest power of two nanoseconds below
 * the gap. A finer one would tell strangers how our clock runs. */
#define WG_STAMP_STEP_NS (UINT64_C(1) << 24)

#define WG_COOKIE_SECRET_NS (120 * WG_SECOND_NS)
/* The secret may have been changed while the message was on its way. */
#define WG_COOKIE_USE_NS (WG_COOKIE_SECRET_NS - 5 * WG_SECOND_NS)

#define WG_DEFAULT_LOAD_LIMIT 500

#endif

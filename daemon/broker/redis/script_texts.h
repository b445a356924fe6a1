#pragma once
// The text of scripts/*.lua, put here by the build.

namespace conduitd::broker::redis::script_texts {
extern const char* const k_common;
extern const char* const k_waiting;
extern const char* const k_value;
extern const char* const k_admit;
extern const char* const k_claim;
extern const char* const k_settle;
extern const char* const k_finish;
extern const char* const k_complete;
extern const char* const k_touch;
extern const char* const k_enqueue;
extern const char* const k_children;
extern const char* const k_bind;
extern const char* const k_release;
extern const char* const k_due;
extern const char* const k_promote;
extern const char* const k_end;
extern const char* const k_requeue;
extern const char* const k_forget;
extern const char* const k_readopt;
extern const char* const k_bury;
extern const char* const k_lost;
extern const char* const k_redue;
extern const char* const k_unlist;
extern const char* const k_heartbeat;
extern const char* const k_leave;
extern const char* const k_define;
extern const char* const k_fire;
extern const char* const k_standing;
extern const char* const k_subscribe;
extern const char* const k_trigger;
extern const char* const k_gather;
extern const char* const k_collect;
extern const char* const k_turn;
extern const char* const k_ledger;
extern const char* const k_values;
extern const char* const k_fence;
extern const char* const k_take;
extern const char* const k_pick;
extern const char* const k_weights;
}  // namespace conduitd::broker::redis::script_texts

/* messages.h -- every message type of koffer.proto, for tests that go through all of them.
 * unit.proto.message checks that the table is closed. */
#ifndef TESTS_SUPPORT_MESSAGES_H
#define TESTS_SUPPORT_MESSAGES_H

#include "proto/koffer.pb-c.h"

static const ProtobufCMessageDescriptor *const messages_all[] = {
    &koffer__empty__descriptor,
    &koffer__failure__descriptor,
    &koffer__source__descriptor,
    &koffer__source_list__descriptor,
    &koffer__agent_hello__descriptor,
    &koffer__welcome__descriptor,
    &koffer__step_order__descriptor,
    &koffer__restore_order__descriptor,
    &koffer__progress__descriptor,
    &koffer__totals__descriptor,
    &koffer__fact__descriptor,
    &koffer__step_result__descriptor,
    &koffer__restore_counts__descriptor,
    &koffer__job_ref__descriptor,
    &koffer__name_request__descriptor,
    &koffer__token__descriptor,
    &koffer__list_request__descriptor,
    &koffer__agent__descriptor,
    &koffer__agent_list__descriptor,
    &koffer__operator__descriptor,
    &koffer__operator_list__descriptor,
    &koffer__source_status__descriptor,
    &koffer__source_status_list__descriptor,
    &koffer__status__descriptor,
    &koffer__cycle_start__descriptor,
    &koffer__cycle_ref__descriptor,
    &koffer__cycle_source__descriptor,
    &koffer__cycle_status__descriptor,
    &koffer__cycle_summary__descriptor,
    &koffer__cycle_list__descriptor,
    &koffer__full_ref__descriptor,
    &koffer__full_summary__descriptor,
    &koffer__full_list__descriptor,
    &koffer__archive__descriptor,
    &koffer__missing__descriptor,
    &koffer__full_detail__descriptor,
    &koffer__ls_request__descriptor,
    &koffer__ls_entry__descriptor,
    &koffer__ls_reply__descriptor,
    &koffer__cat_request__descriptor,
    &koffer__cat_reply__descriptor,
    &koffer__restore_request__descriptor,
    &koffer__job_status__descriptor,
    &koffer__verify_counts__descriptor,
    &koffer__vault_stats__descriptor,
    &koffer__audit_request__descriptor,
    &koffer__audit_entry__descriptor,
    &koffer__audit_list__descriptor,
    &koffer__audit_report__descriptor,
    &koffer__enroll_request__descriptor,
    &koffer__enroll_reply__descriptor,
};

enum { MESSAGES_COUNT = sizeof messages_all / sizeof *messages_all };

#endif

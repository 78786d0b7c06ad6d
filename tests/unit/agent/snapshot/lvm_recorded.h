/* lvm_recorded.h -- what lvs 2.03.16 printed of real volumes: a classic snapshot that has overflowed, a plain volume that a killed lvcreate
 * left, a thin snapshot, their origins, a pool and its spare. */
#ifndef TESTS_UNIT_AGENT_SNAPSHOT_LVM_RECORDED_H
#define TESTS_UNIT_AGENT_SNAPSHOT_LVM_RECORDED_H

static const char lvm_recorded[] =
    "{\"report\": [{\"lv\": ["
    "{\"vg_name\":\"vg0\",\"lv_name\":\"koffer_17_mail_1\",\"lv_attr\":\"swi-I-s---\",\"lv_size\":\"8388608\",\""
    "origin\":\"mail\",\"pool_lv\":\"\",\"data_percent\":\"100.00\",\"metadata_percent\":\"\",\"lv_snapshot_inv"
    "alid\":\"snapshot invalid\",\"lv_tags\":\"koffer,koffer_agent_0123456789abcdef,koffer_cycle_17\","
    "\"lv_health_status\":\"\",\"lv_device_open\":\"\",\"lv_kernel_major\":\"253\",\"lv_kernel_minor\":\"8\",\"l"
    "v_dm_path\":\"/dev/mapper/vg0-koffer_17_mail_1\",\"vg_free\":\"377487360\",\"vg_size\":\"532676608\","
    "\"vg_extent_size\":\"4194304\"},"
    "{\"vg_name\":\"vg0\",\"lv_name\":\"koffer_17_mail_3\",\"lv_attr\":\"-wi-a-----\",\"lv_size\":\"4194304\",\""
    "origin\":\"\",\"pool_lv\":\"\",\"data_percent\":\"\",\"metadata_percent\":\"\",\"lv_snapshot_invalid\":\"unk"
    "nown\",\"lv_tags\":\"koffer,koffer_agent_0123456789abcdef,koffer_cycle_17\",\"lv_health_status\":"
    "\"\",\"lv_device_open\":\"\",\"lv_kernel_major\":\"253\",\"lv_kernel_minor\":\"10\",\"lv_dm_path\":\"/dev/m"
    "apper/vg0-koffer_17_mail_3\",\"vg_free\":\"377487360\",\"vg_size\":\"532676608\",\"vg_extent_size\":\""
    "4194304\"},"
    "{\"vg_name\":\"vg0\",\"lv_name\":\"koffer_17_thin_2\",\"lv_attr\":\"Vwi-a-tz--\",\"lv_size\":\"67108864\","
    "\"origin\":\"thin\",\"pool_lv\":\"pool\",\"data_percent\":\"0.00\",\"metadata_percent\":\"\",\"lv_snapshot_"
    "invalid\":\"unknown\",\"lv_tags\":\"koffer,koffer_agent_0123456789abcdef,koffer_cycle_17\",\"lv_he"
    "alth_status\":\"\",\"lv_device_open\":\"\",\"lv_kernel_major\":\"253\",\"lv_kernel_minor\":\"9\",\"lv_dm_p"
    "ath\":\"/dev/mapper/vg0-koffer_17_thin_2\",\"vg_free\":\"377487360\",\"vg_size\":\"532676608\",\"vg_ex"
    "tent_size\":\"4194304\"},"
    "{\"vg_name\":\"vg0\",\"lv_name\":\"[lvol0_pmspare]\",\"lv_attr\":\"ewi-------\",\"lv_size\":\"4194304\",\"o"
    "rigin\":\"\",\"pool_lv\":\"\",\"data_percent\":\"\",\"metadata_percent\":\"\",\"lv_snapshot_invalid\":\"unkn"
    "own\",\"lv_tags\":\"\",\"lv_health_status\":\"\",\"lv_device_open\":\"unknown\",\"lv_kernel_major\":\"-1\","
    "\"lv_kernel_minor\":\"-1\",\"lv_dm_path\":\"/dev/mapper/vg0-lvol0_pmspare\",\"vg_free\":\"377487360\","
    "\"vg_size\":\"532676608\",\"vg_extent_size\":\"4194304\"},"
    "{\"vg_name\":\"vg0\",\"lv_name\":\"mail\",\"lv_attr\":\"owi-a-s---\",\"lv_size\":\"67108864\",\"origin\":\"\","
    "\"pool_lv\":\"\",\"data_percent\":\"\",\"metadata_percent\":\"\",\"lv_snapshot_invalid\":\"unknown\",\"lv_t"
    "ags\":\"\",\"lv_health_status\":\"\",\"lv_device_open\":\"\",\"lv_kernel_major\":\"253\",\"lv_kernel_minor"
    "\":\"0\",\"lv_dm_path\":\"/dev/mapper/vg0-mail\",\"vg_free\":\"377487360\",\"vg_size\":\"532676608\",\"vg_"
    "extent_size\":\"4194304\"},"
    "{\"vg_name\":\"vg0\",\"lv_name\":\"pool\",\"lv_attr\":\"twi-aotz--\",\"lv_size\":\"67108864\",\"origin\":\"\","
    "\"pool_lv\":\"\",\"data_percent\":\"0.00\",\"metadata_percent\":\"10.94\",\"lv_snapshot_invalid\":\"unkno"
    "wn\",\"lv_tags\":\"\",\"lv_health_status\":\"\",\"lv_device_open\":\"open\",\"lv_kernel_major\":\"253\",\"lv"
    "_kernel_minor\":\"3\",\"lv_dm_path\":\"/dev/mapper/vg0-pool\",\"vg_free\":\"377487360\",\"vg_size\":\"53"
    "2676608\",\"vg_extent_size\":\"4194304\"},"
    "{\"vg_name\":\"vg0\",\"lv_name\":\"thin\",\"lv_attr\":\"Vwi-a-tz--\",\"lv_size\":\"67108864\",\"origin\":\"\","
    "\"pool_lv\":\"pool\",\"data_percent\":\"0.00\",\"metadata_percent\":\"\",\"lv_snapshot_invalid\":\"unknow"
    "n\",\"lv_tags\":\"\",\"lv_health_status\":\"\",\"lv_device_open\":\"\",\"lv_kernel_major\":\"253\",\"lv_kern"
    "el_minor\":\"5\",\"lv_dm_path\":\"/dev/mapper/vg0-thin\",\"vg_free\":\"377487360\",\"vg_size\":\"5326766"
    "08\",\"vg_extent_size\":\"4194304\"}"
    "]}]}";

#endif

"""What would remove somebody's data, leave a snapshot behind, or take a lost one for an empty directory (docs/planted-bugs.md)."""
DECIDE, REPORT = "agent/snapshot/lvm_decide.c", "agent/snapshot/lvm_report.c"
BTRFS = "unit.agent.snapshot.btrfs"
PROPERTY = "prop.agent.snapshot.lvm_decide"

BUGS = [
    ("removal-without-tags", "a volume is removed for its name alone", DECIDE,
     "    else if (!has_our_tags(v, cycle, claim->mark))\n", "    else if (!has_our_tags(v, cycle, claim->mark) && false)\n", PROPERTY),
    ("removal-of-an-origin", "a volume is removed although another rests on it", DECIDE,
     "    else if (is_needed(report, v))\n", "    else if (is_needed(report, v) && false)\n", PROPERTY),
    ("removal-of-a-source", "a volume is removed although it is mounted", DECIDE,
     "    else if (claim->mounted)\n", "    else if (claim->mounted && false)\n", PROPERTY),
    ("half-a-tag", "a tag that begins like ours passes for it", REPORT,
     "        if (here == len && memcmp(at, tag, len) == 0)\n", "        if (here >= len && memcmp(at, tag, len) == 0)\n",
     "unit.agent.snapshot.lvm_report"),
    ("full-pool", "a thin pool that is nearly full takes one snapshot more", DECIDE,
     "    if (fullest > LVM_POOL_START_MAX) {\n", "    if (fullest > LVM_POOL_START_MAX && false) {\n",
     "unit.agent.snapshot.lvm_decide"),
    ("ledger-in-memory", "a snapshot is promised in memory only", "agent/snapshot/ledger.c",
     "    image->next++;\n    enum rc rc = write_image(l, e);\n", "    image->next++;\n    enum rc rc = RC_OK;\n",
     "unit.agent.snapshot.ledger"),
    ("ledger-forgets-first", "the ledger forgets a snapshot before it is gone", "agent/snapshot/snapshot.c",
     "    TRY(v->ops->remove(set->host, &v->entry, e));\n    TRY(snapshot_host_done(set->host, v->entry.serial, e));\n",
     "    TRY(snapshot_host_done(set->host, v->entry.serial, e));\n    TRY(v->ops->remove(set->host, &v->entry, e));\n",
     "fault.agent.snapshot.kill"),
    ("lost-passes-for-good", "a snapshot that is gone passes its check", "agent/snapshot/btrfs.c",
     "        return error_set(e, RC_STALE, \"snapshot lost: %s\", why.text);\n", "        return RC_OK;\n", BTRFS),
    ("reaper-takes-the-living", "the reaper removes what a living cycle reads", "agent/snapshot/snapshot_host.c",
     "        if (!is_live(host, image->entries[i].serial))\n", "        if (!is_live(host, image->entries[i].serial) || true)\n", BTRFS),
    ("anything-removed", "a subvolume in the place of a snapshot is removed although it was never one", "agent/snapshot/btrfs.c",
     "    TRY(btrfs_may_remove(entry, &facts, e));\n", "", BTRFS),
    ("patience-lost", "a tool that must not be killed is killed", "common/sys/process.c",
     "    p->abandoned = p->patient;\n    p->killed = !p->patient;\n", "    p->abandoned = false;\n    p->killed = true;\n",
     "unit.common.sys.process"),
]

# The campaigns' programs: add_campaign(NAME SOURCES trust/... USES ...), and a line in tests/trust/campaigns for each.

# One for each file of lives: they share the work between processors, and code whose modules have the same names.
foreach(lives controller/backup controller/state agent/agent)
    get_filename_component(storey ${lives} DIRECTORY)
    get_filename_component(name ${lives} NAME)
    add_campaign(file_operations_${name}
                 SOURCES trust/common/campaign_file_operations.c trust/${storey}/lives_${name}.c ${FAULT_IO}
                 USES ${storey}_parts agent_parts PkgConfig::CMOCKA)
endforeach()
add_campaign(bit_rot
             SOURCES trust/controller/campaign_bit_rot.c trust/controller/rotten.c trust/controller/rotten_change.c
                     ${FAULT_IO}
             USES controller_parts agent_parts PkgConfig::CMOCKA)
# Of the release build: two hundred thousand verifications.
add_dependencies(programs campaign.bit_rot)

add_campaign(random_trees SOURCES trust/controller/campaign_random_trees.c trust/controller/random_tree.c
             USES controller_parts agent_parts PkgConfig::CMOCKA)
add_campaign(restore_race SOURCES trust/controller/campaign_restore_race.c
             USES controller_parts agent_parts PkgConfig::CMOCKA)
add_campaign(operations SOURCES trust/controller/campaign_operations.c USES controller_parts)

# The linker sends every allocation of ours past alloc_fault.c; leaks are the sanitizer's to find.
if(SANITIZE MATCHES "address")
    foreach(lives controller/words controller/backup controller/state agent/agent)
        get_filename_component(storey ${lives} DIRECTORY)
        get_filename_component(name ${lives} NAME)
        add_campaign(allocations_${name}
                     SOURCES trust/common/campaign_allocations.c trust/${storey}/lives_${name}.c
                     USES ${storey}_parts cli_parts agent_parts PkgConfig::CMOCKA)
        foreach(call malloc calloc realloc reallocarray strdup strndup asprintf pthread_create)
            target_link_options(campaign.allocations_${name} PRIVATE -Wl,--wrap=${call})
        endforeach()
    endforeach()
endif()
add_campaign(power SOURCES trust/controller/campaign_power.c trust/controller/power_catalogue.c
                     trust/controller/power_state.c
                     trust/controller/power_memory.c trust/controller/power_restore.c
                     trust/controller/power_signatures.c trust/controller/power_chance.c ${FAULT_IO}
             USES controller_parts agent_parts)
# Of the release build: a hundred thousand recoveries.
add_dependencies(programs campaign.power)

add_campaign(seals SOURCES trust/common/campaign_seals.c USES common)

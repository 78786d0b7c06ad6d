/* catalogue_internal.h -- what the files of the catalogue share.  Layer: controller/catalogue. */
#ifndef CONTROLLER_CATALOGUE_CATALOGUE_INTERNAL_H
#define CONTROLLER_CATALOGUE_CATALOGUE_INTERNAL_H

#include "controller/catalogue/catalogue.h"
#include "controller/catalogue/sql.h"

struct catalogue {
    struct sqlite3 *db;
};

static inline struct wall
catalogue_wall(struct sql *rows, int column)
{
    return (struct wall){sql_int(rows, column)};
}

/* The five columns cut_from, cut_until, snapshotted, clock_offset, clock_uncertainty, from `first` on. */
static inline struct catalogue_cut
catalogue_cut_in(struct sql *rows, int first)
{
    return (struct catalogue_cut){
        .from = {sql_int(rows, first)},
        .until = {sql_int(rows, first + 1)},
        .snapshotted = sql_int(rows, first + 2) != 0,
        .clock = {sql_int(rows, first + 3), sql_int(rows, first + 4)},
    };
}

#endif

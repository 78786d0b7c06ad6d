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

#endif

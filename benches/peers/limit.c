/* The limit: what C reaches with the SQLite that Holdfast is linked with. Prints a JSON object. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "sqlite3.h"

static sqlite3 *db;

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec * 1e-9;
}

static void check(int code, const char *what) {
    if (code == SQLITE_OK || code == SQLITE_DONE || code == SQLITE_ROW) return;
    fprintf(stderr, "%s: %s\n", what, sqlite3_errmsg(db));
    exit(1);
}

static sqlite3_stmt *prepare(const char *sql) {
    sqlite3_stmt *statement;
    check(sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, 0), sql);
    return statement;
}

static uint64_t state = 88172645463325252ull;
static uint64_t next(void) {
    state ^= state << 13;
    state ^= state >> 7;
    return state ^= state << 17;
}

/* Look at every column, as a caller would who wants its value. */
static uint64_t read_row(sqlite3_stmt *statement) {
    uint64_t sum = 0;
    for (int column = 0; column < 5; column++) {
        switch (sqlite3_column_type(statement, column)) {
        case SQLITE_INTEGER: sum += sqlite3_column_int64(statement, column); break;
        case SQLITE_FLOAT: sum += (uint64_t)sqlite3_column_double(statement, column); break;
        case SQLITE_TEXT:
            sum += (uint64_t)(uintptr_t)sqlite3_column_text(statement, column) & 1;
            sum += sqlite3_column_bytes(statement, column);
        }
    }
    return sum;
}

static int compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static uint64_t sum;
static sqlite3_stmt *statement;

static void select_point(long items) {
    sqlite3_bind_int64(statement, 1, next() % items + 1);
    if (sqlite3_step(statement) != SQLITE_ROW) check(SQLITE_ERROR, "no row");
    sum += read_row(statement);
    check(sqlite3_reset(statement), "select");
}

static void write_one(long tallies) {
    sqlite3_bind_int64(statement, 1, next() % tallies);
    sqlite3_bind_text(statement, 2, "a body that is written", 22, SQLITE_STATIC);
    check(sqlite3_step(statement), "write");
    check(sqlite3_reset(statement), "write");
}

/* Until the time is over, 200 calls at a time; the first tenth is to warm up. */
static double rate(void (*call)(long), long domain, double seconds, long *all) {
    double start = now(), warm = start + seconds / 10;
    long done = 0;
    while (now() < warm)
        for (int i = 0; i < 200; i++, (*all)++) call(domain);
    for (start = now(); now() < start + seconds;)
        for (int i = 0; i < 200; i++, done++) call(domain);
    double end = now();
    *all += done;
    return done / (end - start);
}

/* limit PATH WORK SQL SECONDS DOMAIN PRAGMA... */
int main(int count, char **given) {
    if (count < 6) return 2;
    const char *work = given[2], *sql = given[3];
    double seconds = atof(given[4]);
    long domain = atol(given[5]), done = 0;
    check(sqlite3_open(given[1], &db), given[1]);
    for (int i = 6; i < count; i++) check(sqlite3_exec(db, given[i], 0, 0, 0), given[i]);
    if (!strcmp(work, "options")) {
        statement = prepare(sql);
        while (sqlite3_step(statement) == SQLITE_ROW) puts((const char *)sqlite3_column_text(statement, 0));
        sqlite3_finalize(statement);
    } else if (!strcmp(work, "point")) {
        statement = prepare(sql);
        printf("{\"rate\": %.1f}\n", rate(select_point, domain, seconds, &done));
        sqlite3_finalize(statement);
    } else if (!strcmp(work, "write")) {
        statement = prepare(sql);
        double found = rate(write_one, domain, seconds, &done);
        printf("{\"rate\": %.1f, \"acknowledged\": %ld}\n", found, done);
        sqlite3_finalize(statement);
    } else if (!strcmp(work, "scan")) {
        double times[4096];
        int rounds = 0;
        statement = prepare(sql);
        for (double start = now(); rounds < 4096 && (now() < start + seconds || rounds < 3); rounds++) {
            double before = now();
            long rows = 0;
            for (; sqlite3_step(statement) == SQLITE_ROW; rows++) sum += read_row(statement);
            check(sqlite3_reset(statement), "scan");
            if (rows != domain) check(SQLITE_ERROR, "rows are missing");
            times[rounds] = now() - before;
        }
        qsort(times, rounds, sizeof *times, compare);
        printf("{\"rate\": %.1f}\n", domain / times[rounds / 2]);
        sqlite3_finalize(statement);
    } else if (!strcmp(work, "insert")) {
        double times[3];
        char(*names)[32] = malloc(domain * sizeof *names), (*bodies)[25] = malloc(domain * sizeof *bodies);
        if (!names || !bodies) return 4;
        for (int pass = 0; pass < 3; pass++) {
            char text[256];
            for (long id = 1; id <= domain; id++) {
                snprintf(names[id - 1], sizeof *names, "item %ld of %d", id, pass + 1);
                snprintf(bodies[id - 1], sizeof *bodies, "%024llx", (unsigned long long)next());
            }
            snprintf(text, sizeof text, sql, pass);
            statement = prepare(text);
            double before = now();
            check(sqlite3_exec(db, "begin immediate", 0, 0, 0), "begin");
            for (long id = 1; id <= domain; id++) {
                sqlite3_bind_int64(statement, 1, id);
                sqlite3_bind_text(statement, 2, names[id - 1], -1, SQLITE_STATIC);
                sqlite3_bind_double(statement, 3, id * 0.37);
                sqlite3_bind_int64(statement, 4, id % 1024 * 10 + pass + 1);
                sqlite3_bind_text(statement, 5, bodies[id - 1], 24, SQLITE_STATIC);
                check(sqlite3_step(statement), "insert");
                check(sqlite3_reset(statement), "insert");
            }
            check(sqlite3_exec(db, "commit", 0, 0, 0), "commit");
            times[pass] = now() - before;
            sqlite3_finalize(statement);
        }
        qsort(times, 3, sizeof *times, compare);
        printf("{\"rate\": %.1f, \"inserted_rows\": 3}\n", domain / times[1]);
    } else {
        return 2;
    }
    check(sqlite3_close(db), "close");
    return sum == 42 ? 3 : 0;
}

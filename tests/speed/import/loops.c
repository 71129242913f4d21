/* Rows by the compiled functions of other programs, one call after the other: what Python's calls
   cost has no part in what is measured. Compiled by import.py. */
#include <stdint.h>
#include <time.h>

typedef void (*forest)(const double *rows, double *out, int start, int end);
typedef int (*single)(void *config, const void *row, int64_t *length, double *out);

static double since(const struct timespec *start) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (now.tv_sec - start->tv_sec) * 1e9 + (now.tv_nsec - start->tv_nsec);
}

/* Nanoseconds of `rows` rows with a call for each `step` of them. */
double lleaves(forest call, const double *data, double *out, int rows, int step) {
    struct timespec start;
    clock_gettime(CLOCK_MONOTONIC, &start);
    for (int row = 0; row < rows; row += step)
        call(data, out, row, row + step < rows ? row + step : rows);
    return since(&start);
}

/* Nanoseconds of a call for each row, or -1 where one fails. */
double lightgbm(single call, void *config, const double *data, double *out, int rows, int width) {
    struct timespec start;
    int64_t length;
    clock_gettime(CLOCK_MONOTONIC, &start);
    for (int row = 0; row < rows; row++)
        if (call(config, data + (int64_t)row * width, &length, out + row) != 0) return -1;
    return since(&start);
}

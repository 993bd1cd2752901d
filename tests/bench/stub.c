/* A stub of the Batch and Blob services that costs next to nothing, so that what a client costs can be seen.
 *
 *   usage: stub DELAY_MS DROP_ONE_IN [json|xml|xml+OTHERS PATH FILE]...
 *
 * It prints its port (loopback, any free one) and serves until its stdin ends:
 *   POST .../addtaskcollection    one Success for each task; one id in DROP_ONE_IN is passed over in silence
 *   GET PATH                      the lines of FILE, page by page: JSON objects for Batch, <Blob> elements for Blob,
 *                                 these by the order of their names, those with the prefix that is asked for; behind
 *                                 them so many OTHERS, of which each is called other/ and a number
 *   GET PATH/NAME                 a thousand bytes, where a <Blob> of the file has this name
 *   GET /stats                    {"requests": ..., "tasks": ..., "sent": ..., "received": ...}; bodies, in bytes
 *   any other GET                 404, as for a pool that is not there
 *   PUT, PATCH, POST, DELETE      done
 * DELAY_MS is added to every answer. Nothing is checked and nothing kept.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_LISTS 8
#define BUFFER (16 << 20)

struct list {
    const char *path;
    int is_xml;
    long count, page, others;
    char **lines; /* count + 1 of them: the last is where the text ends */
};

static struct list lists[MAX_LISTS];
static int list_count, port, delay_ms;
static unsigned long drop_one_in;
static atomic_long requests, tasks, sent, received;

static void load(struct list *list, const char *file) {
    FILE *stream = fopen(file, "rb");
    if (!stream) { perror(file); exit(1); }
    fseek(stream, 0, SEEK_END);
    long size = ftell(stream);
    rewind(stream);
    char *text = malloc(size + 1);
    if (fread(text, 1, size, stream) != (size_t)size) { perror(file); exit(1); }
    fclose(stream);
    for (long i = 0; i < size; i++) list->count += text[i] == '\n';
    list->lines = malloc((list->count + 1) * sizeof *list->lines);
    char *at = text;
    for (long i = 0; i <= list->count; i++) {
        list->lines[i] = at;
        char *end = memchr(at, '\n', text + size - at);
        if (end) at = end + 1;
    }
    list->page = list->is_xml ? 5000 : 1000; /* as the services page */
}

static void send_all(int client, const char *data, size_t size) {
    while (size) {
        ssize_t sent = send(client, data, size, MSG_NOSIGNAL);
        if (sent <= 0) return;
        data += sent;
        size -= sent;
    }
}

#define OTHER "other/"
#define NAME "<Blob><Name>"

static void decode(char *to, const char *from) {
    for (; *from && *from != '&' && *from != ' '; to++)
        if (*from == '%' && from[1] && from[2]) {
            char code[3] = {from[1], from[2], 0};
            *to = strtol(code, NULL, 16);
            from += 3;
        } else *to = *from++;
    *to = 0;
}

/* The first line whose name, as far as *prefix* goes, is not before it; with *past*, the first that is behind it. */
static long bound(struct list *list, const char *prefix, int past) {
    long low = 0, high = list->count, size = strlen(prefix);
    while (low < high) {
        long middle = (low + high) / 2;
        int order = strncmp(list->lines[middle] + strlen(NAME), prefix, size);
        if (order < 0 || (past && !order)) low = middle + 1;
        else high = middle;
    }
    return low;
}

static void answer(int client, const char *status, const char *type, const char *body, size_t size) {
    char head[512];
    int length = snprintf(head, sizeof head,
        "HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\nrequest-id: stub\r\nx-ms-request-id: stub\r\n"
        "ETag: \"0x8DD000000000000\"\r\nLast-Modified: Thu, 01 Jan 2026 00:00:00 GMT\r\nx-ms-version: 2025-11-05\r\n"
        "Date: Thu, 01 Jan 2026 00:00:00 GMT\r\n\r\n", status, type, size);
    atomic_fetch_add(&sent, size);
    send_all(client, head, length);
    send_all(client, body, size);
}

static int dropped(const char *id, int length) {
    unsigned long hash = 1469598103934665603UL;
    for (int i = 0; i < length; i++) hash = (hash ^ (unsigned char)id[i]) * 1099511628211UL;
    return drop_one_in && (hash >> 20) % drop_one_in == 0;
}

/* Where the text after *marker* begins, or NULL. */
static char *after(char *from, char *end, const char *marker) {
    char *found = memmem(from, end - from, marker, strlen(marker));
    return found ? found + strlen(marker) : NULL;
}

static size_t collection(char *out, char *body, char *end) {
    char *to = out + sprintf(out, "{\"value\":[");
    const char *comma = "";
    /* In a task's body the id is the one member of that name; a string inside it has its quotes escaped. */
    while ((body = after(body, end, "\"id\":"))) {
        body += *body == ' ';
        char *id = body + 1, *quote = memchr(id, '"', end - id);
        int length = quote - id;
        body = quote;
        if (dropped(id, length)) continue;
        to += sprintf(to, "%s{\"status\":\"Success\",\"taskId\":\"%.*s\",\"eTag\":\"0x8DD000000000000\","
            "\"lastModified\":\"2026-01-01T00:00:00.1234567Z\",\"location\":\"http://127.0.0.1:%d/jobs/job/tasks/%.*s\"}",
            comma, length, id, port, length, id);
        comma = ",";
        atomic_fetch_add(&tasks, 1);
    }
    return to + sprintf(to, "]}") - out;
}

static size_t page(char *out, struct list *list, char *query) {
    char *marker = strstr(query, "marker=");
    long first = marker ? atol(marker + 7) : 0;
    char *to = out;
    if (list->is_xml) {
        char prefix[1024] = "", *asked = strstr(query, "prefix=");
        if (asked) decode(prefix, asked + 7);
        long start = bound(list, prefix, 0), own = bound(list, prefix, 1) - start;
        long count = own + (strncmp(OTHER, prefix, strlen(prefix)) ? 0 : list->others);
        long last = first + list->page < count ? first + list->page : count;
        to += sprintf(to, "<?xml version=\"1.0\" encoding=\"utf-8\"?><EnumerationResults ServiceEndpoint=\"http://127.0.0.1:%d/\""
            " ContainerName=\"stub\"><Blobs>", port);
        if (first < own) {
            long end = last < own ? last : own;
            size_t size = list->lines[start + end] - list->lines[start + first];
            memcpy(to, list->lines[start + first], size);
            to += size;
        }
        for (long i = first > own ? first : own; i < last; i++)
            to += sprintf(to, NAME OTHER "%09ld</Name><Properties><Etag>0x8DD000000000000</Etag><Content-Length>1"
                "</Content-Length></Properties><Metadata/></Blob>", i - own);
        if (last < count) to += sprintf(to, "</Blobs><NextMarker>%ld</NextMarker></EnumerationResults>", last);
        else to += sprintf(to, "</Blobs><NextMarker/></EnumerationResults>");
        return to - out;
    }
    long last = first + list->page < list->count ? first + list->page : list->count;
    to += sprintf(to, "{\"value\":[");
    for (long i = first; i < last; i++) {
        size_t size = list->lines[i + 1] - list->lines[i] - 1;
        if (i > first) *to++ = ',';
        memcpy(to, list->lines[i], size);
        to += size;
    }
    to += sprintf(to, "]");
    if (last < list->count)
        to += sprintf(to, ",\"odata.nextLink\":\"http://127.0.0.1:%d%s?api-version=2025-06-01&marker=%ld\"", port, list->path, last);
    return to + sprintf(to, "}") - out;
}

static int has_blob(struct list *list, const char *path) {
    size_t size = strlen(list->path);
    char name[1024];
    if (!list->is_xml || strncmp(path, list->path, size) || path[size] != '/' || strlen(path) > 1000) return 0;
    decode(name, path + size + 1);
    strcat(name, "</Name>");
    return bound(list, name, 1) > bound(list, name, 0);
}

static void get(int client, char *out, char *path, char *query) {
    for (int i = 0; i < list_count; i++)
        if (!strcmp(path, lists[i].path)) {
            size_t size = page(out, &lists[i], query);
            answer(client, "200 OK", lists[i].is_xml ? "application/xml" : "application/json", out, size);
            return;
        } else if (has_blob(&lists[i], path)) {
            answer(client, "206 Partial Content", "application/octet-stream\r\nx-ms-blob-type: BlockBlob\r\n"
                "Content-Range: bytes 0-999/1000", memset(out, 'x', 1000), 1000);
            return;
        }
    if (!strcmp(path, "/stats")) {
        atomic_fetch_sub(&requests, 1); /* who asks does not count itself */
        int size = sprintf(out, "{\"requests\":%ld,\"tasks\":%ld,\"sent\":%ld,\"received\":%ld}",
            atomic_load(&requests), atomic_load(&tasks), atomic_load(&sent), atomic_load(&received));
        answer(client, "200 OK", "application/json", out, size);
        atomic_fetch_sub(&sent, size);
        return;
    }
    int size = sprintf(out, "{\"code\":\"NotFound\",\"message\":{\"lang\":\"en-US\",\"value\":\"it is not there\"}}");
    answer(client, "404 Not Found", "application/json", out, size);
}

static void handle(int client, char *head, char *body, char *end, char *out) {
    char *path = strchr(head, ' ') + 1, *rest = strchr(path, ' ');
    *rest = 0;
    char *query = strchr(path, '?');
    if (query) *query++ = 0;
    if (delay_ms) usleep(delay_ms * 1000);
    if (!strncmp(head, "GET", 3)) get(client, out, path, query ? query : "");
    else if (strstr(path, "/addtaskcollection")) {
        size_t size = collection(out, body, end);
        answer(client, "200 OK", "application/json", out, size);
    } else answer(client, strncmp(head, "PUT", 3) ? "200 OK" : "201 Created", "application/json", "", 0);
}

static void *serve(void *argument) {
    int client = (int)(long)argument;
    char *in = malloc(BUFFER), *out = malloc(BUFFER);
    size_t have = 0;
    for (;;) {
        char *blank;
        ssize_t got = 1;
        while (!(blank = memmem(in, have, "\r\n\r\n", 4)) && (got = recv(client, in + have, BUFFER - have, 0)) > 0) have += got;
        if (!blank) break;
        *blank = 0;
        char *length = strcasestr(in, "\r\ncontent-length:");
        size_t whole = blank + 4 - in + (length ? strtoul(length + 17, NULL, 10) : 0);
        while (have < whole && (got = recv(client, in + have, BUFFER - have, 0)) > 0) have += got;
        if (have < whole) break;
        atomic_fetch_add(&requests, 1);
        atomic_fetch_add(&received, in + whole - (blank + 4));
        handle(client, in, blank + 4, in + whole, out);
        memmove(in, in + whole, have - whole);
        have -= whole;
    }
    close(client);
    free(in);
    free(out);
    return NULL;
}

static void *until_stdin_ends(void *argument) {
    char byte;
    while (read(0, &byte, 1) > 0) continue;
    exit(0);
    return argument;
}

int main(int argc, char **argv) {
    if (argc < 3) return 64;
    delay_ms = atoi(argv[1]);
    drop_one_in = strtoul(argv[2], NULL, 10);
    for (int i = 3; i + 2 < argc && list_count < MAX_LISTS; i += 3) {
        struct list *list = &lists[list_count++];
        list->is_xml = !strncmp(argv[i], "xml", 3);
        list->others = strchr(argv[i], '+') ? atol(strchr(argv[i], '+')) : 0;
        list->path = argv[i + 1];
        load(list, argv[i + 2]);
    }
    signal(SIGPIPE, SIG_IGN);
    int one = 1, server = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    if (bind(server, (void *)&address, size) || listen(server, 512)) { perror("bind"); return 1; }
    getsockname(server, (void *)&address, &size);
    port = ntohs(address.sin_port);
    printf("%d\n", port);
    fflush(stdout);
    pthread_t thread;
    pthread_create(&thread, NULL, until_stdin_ends, NULL);
    for (;;) {
        int client = accept(server, NULL, NULL);
        if (client < 0) continue;
        setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        pthread_create(&thread, NULL, serve, (void *)(long)client);
        pthread_detach(thread);
    }
}

/*
 * admission.c - see admission.h.
 *
 * The slots are looked at only when the strangers, or those of an address, seem to be too many: often enough that a place is
 * never refused for long by those who have been identified meanwhile, seldom enough that a flood
 * costs little. Before a stranger is evicted, its own slot decides.
 */
#include "server/supervisor/admission.h"

#include "lib/clock.h"
#include "shm/refusals.h"
#include "shm/slots.h"

#include <signal.h>
#include <sys/socket.h>

enum {
    STRANGERS_BURST_SECONDS = 6, /* of limits.strangers_per_second, that may end at once */
    EVICTIONS_PER_SECOND = 100,  /* by silent newcomers of the same address; as many at once */
    LOOK_AGAIN_NS = 20 * 1000 * 1000
};

void admission_renew(struct admission *admission, const struct server_config *config)
{
    admission->connections_max = config->limit_connections;
    admission->strangers_max = config->limit_unidentified;
    admission->per_address_max = config->limit_connections_per_address;
    admission->connection_rate =
        rate_limit_make(config->limit_connection_rate, config->limit_connection_rate);
    admission->stranger_rate =
        rate_limit_make(config->limit_stranger_rate,
                        (uint64_t)config->limit_stranger_rate * STRANGERS_BURST_SECONDS);
}

bool admission_open(struct admission *admission, const struct server_config *config)
{
    *admission = (struct admission){
        .eviction_rate = rate_limit_make(EVICTIONS_PER_SECOND, EVICTIONS_PER_SECOND),
        .balancers = &config->balancers,
    };
    admission_renew(admission, config);
    return handler_book_open(&admission->handlers,
                             config->limit_connections + HERITAGE_LEAVING_MAX);
}

void admission_close(struct admission *admission)
{
    handler_book_close(&admission->handlers);
}

/* Strangers and agencies share one place: then who has it keeps it, and others wait. */
static bool may_evict(const struct admission *admission)
{
    return admission->strangers_max < admission->connections_max;
}

static bool is_full(const struct admission *admission)
{
    const struct handler_book *handlers = &admission->handlers;
    return handler_book_staying(handlers) >= admission->connections_max ||
           (may_evict(admission) && handlers->strangers >= admission->strangers_max);
}

/* Looks which strangers have said meanwhile who they are, where that was not done just now. */
static void look_at_slots(struct admission *admission, const struct segment *segment)
{
    int64_t now_ns = clock_monotonic_ns();
    if (now_ns - admission->looked_at_ns >= LOOK_AGAIN_NS) {
        admission->looked_at_ns = now_ns;
        handler_book_look(&admission->handlers, segment->slots);
    }
}

/*
 * Returns the slot of the stranger whose place is taken next, or ADDRESS_NONE without strangers.
 * Those before it that have said meanwhile who they are, are noted as such.
 */
static uint32_t next_to_go(struct admission *admission, const struct segment *segment)
{
    struct handler_book *handlers = &admission->handlers;
    uint32_t address = 0;
    while ((address = address_book_busiest(&handlers->addresses)) != ADDRESS_NONE) {
        uint32_t slot_index = handler_book_oldest_stranger(handlers, address);
        if (!slot_is_identified(&segment->slots[slot_index])) {
            return slot_index;
        }
        handler_book_settle(handlers, slot_index, HANDLER_IDENTIFIED);
    }
    return ADDRESS_NONE;
}

bool admission_has_room(struct admission *admission, const struct segment *segment)
{
    const struct handler_book *handlers = &admission->handlers;
    return handlers->free_count > 0 &&
           (handler_book_staying(handlers) < admission->connections_max ||
            (may_evict(admission) && next_to_go(admission, segment) != ADDRESS_NONE));
}

/* Evicts the stranger in this slot. False where it has said at the last moment who it is. */
static bool evict(struct admission *admission, const struct segment *segment, uint32_t slot_index)
{
    struct handler_book *handlers = &admission->handlers;
    bool evicted = slot_evict(&segment->slots[slot_index]);
    handler_book_settle(handlers, slot_index, evicted ? HANDLER_LEAVING : HANDLER_IDENTIFIED);
    if (evicted) {
        kill(handlers->slots[slot_index].pid, SIGTERM);
        refusals_count(segment, REFUSAL_EVICTED);
    }
    return evicted;
}

static bool has_spoken(int socket)
{
    char byte = 0;
    return recv(socket, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 1;
}

/* True when one more stranger of its own address may go for this newcomer. */
static bool may_take_from_its_own(struct admission *admission, int socket)
{
    return has_spoken(socket) ||
           rate_limit_take(&admission->eviction_rate, &admission->eviction_bucket,
                           (uint64_t)clock_monotonic_ns(), 1);
}

/* Makes a place for a newcomer. False when its own address has to wait. */
static bool make_place(struct admission *admission, const struct segment *segment, int socket,
                       struct admission_verdict *verdict)
{
    const struct address_book *addresses = &admission->handlers.addresses;
    look_at_slots(admission, segment);
    while (is_full(admission)) {
        uint32_t slot_index = next_to_go(admission, segment);
        if (slot_index == ADDRESS_NONE) {
            return !is_full(admission); /* those who seemed to be strangers are known by now */
        }
        uint32_t busiest = admission->handlers.slots[slot_index].address;
        bool is_its_own =
            addresses->entries[verdict->address].strangers == addresses->entries[busiest].strangers;
        if (is_its_own && !may_take_from_its_own(admission, socket)) {
            return false;
        }
        if (evict(admission, segment, slot_index)) {
            verdict->evicted_slot = slot_index;
        }
    }
    return true;
}

/*
 * True where this address may have one more stranger. Those that are here and have said something
 * count as those that have ended: each costs a process, and maybe a handshake, whether it ever ends
 * or not. The slots are looked at only where the strangers are as many as might be too many.
 */
static bool may_have_one_more(struct admission *admission, const struct segment *segment,
                              const struct address_entry *address, uint64_t now_ns)
{
    const struct rate_limit *limit = &admission->stranger_rate;
    uint64_t bucket = address->stranger_bucket;
    if (rate_limit_admits_beside(limit, bucket, now_ns, address->strangers)) {
        return true;
    }
    look_at_slots(admission, segment);
    return rate_limit_admits_beside(limit, bucket, now_ns, address->talkers);
}

/* Returns why the newcomer is refused whatever room there is, or REFUSAL_REASONS. */
static enum refusal_reason judge_address(struct admission *admission, const struct segment *segment,
                                         struct address_entry *address)
{
    uint64_t now_ns = (uint64_t)clock_monotonic_ns();
    if (admission->per_address_max > 0 && address->connections >= admission->per_address_max) {
        return REFUSAL_PER_ADDRESS;
    }
    if (!may_have_one_more(admission, segment, address, now_ns)) {
        return REFUSAL_STRANGERS;
    }
    if (!rate_limit_take(&admission->connection_rate, &address->connection_bucket, now_ns, 1)) {
        return REFUSAL_CONNECTIONS;
    }
    return REFUSAL_REASONS;
}

struct admission_verdict admission_judge(struct admission *admission, const struct segment *segment,
                                         int socket, const struct listener_peer *peer)
{
    struct address_book *addresses = &admission->handlers.addresses;
    struct admission_verdict verdict = {.address = address_book_find(addresses, peer->origin),
                                        .evicted_slot = ADDRESS_NONE};
    struct address_entry *address = &addresses->entries[verdict.address];
    address->is_balancer = address_set_has(admission->balancers, peer->host);
    verdict.reason =
        address->is_balancer ? REFUSAL_REASONS : judge_address(admission, segment, address);
    if (verdict.reason == REFUSAL_REASONS && is_full(admission) &&
        !make_place(admission, segment, socket, &verdict)) {
        verdict.reason = REFUSAL_NO_PLACE;
    }
    verdict.admitted = verdict.reason == REFUSAL_REASONS;
    if (!verdict.admitted) {
        refusals_count(segment, verdict.reason);
    }
    return verdict;
}

void admission_bury(struct admission *admission, const struct segment *segment, uint32_t slot_index)
{
    struct handler_book *handlers = &admission->handlers;
    struct address_entry *address =
        &handlers->addresses.entries[handlers->slots[slot_index].address];
    const struct slot *slot = &segment->slots[slot_index];
    bool gave_its_place =
        handlers->slots[slot_index].standing == HANDLER_LEAVING && !slot_has_heard(slot);
    if (!slot_is_identified(slot) && !gave_its_place && !address->is_balancer) {
        rate_limit_charge(&admission->stranger_rate, &address->stranger_bucket,
                          (uint64_t)clock_monotonic_ns());
    }
    handler_book_give_back(handlers, slot_index);
}

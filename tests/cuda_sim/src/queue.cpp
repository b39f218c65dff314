/* The queue of a device with streams. Work runs only when the host waits for it, and only as much
 * as the host waits for. The order is drawn from the seed, among all orders that streams and events
 * allow. So a forgotten dependency shows as data that is not there yet. */
#include "queue.h"

#include <algorithm>
#include <cstdint>
#include <deque>

#include "device.h"
#include "library.h"
#include "scheduler.h"

namespace sim
{

/* The queue holds the nodes [first_place, first_place + queue.size()). A node that has run is
 * empty, and is removed once all nodes before it have run. */
static std::deque<Node> queue;
static size_t first_place;
static size_t graphs_pending;
static bool draining;

void join_frontier(Frontier *frontier, const Frontier &other)
{
    for (size_t place : other)
        if (std::find(frontier->begin(), frontier->end(), place) == frontier->end())
            frontier->push_back(place);
}

/* Returns which of the nodes that are ready runs next. Without a drawn order that is the first in
 * the list, unless that is a kernel and a kernel of a higher priority is ready. */
static std::vector<size_t>::iterator
choose(std::vector<size_t> *ready, const std::vector<Node> &nodes, const int *priority_of_all)
{
    if (order_is_drawn())
        return ready->begin() + static_cast<long>(draw(ready->size()));
    auto chosen = std::min_element(ready->begin(), ready->end());
    if (nodes[*chosen].kind == Kind::other || priority_of_all != nullptr)
        return chosen;
    for (auto other = ready->begin(); other != ready->end(); other++)
        if (nodes[*other].kind != Kind::other &&
            std::make_pair(nodes[*other].priority, *other) <
                std::make_pair(nodes[*chosen].priority, *chosen))
            chosen = other;
    return chosen;
}

bool run_nodes(std::vector<Node> *nodes, const int *priority_of_all)
{
    std::vector<size_t> num_missing(nodes->size()), ready;
    std::vector<std::vector<size_t>> followers(nodes->size());
    size_t num_left = 0;
    for (size_t i = 0; i < nodes->size(); i++) {
        if (!(*nodes)[i].work)
            continue;
        num_left++;
        for (size_t before : (*nodes)[i].after)
            if ((*nodes)[before].work) {
                num_missing[i]++;
                followers[before].push_back(i);
            }
        if (num_missing[i] == 0)
            ready.push_back(i);
    }
    while (!ready.empty() && device_error() == cudaSuccess) {
        auto next = choose(&ready, *nodes, priority_of_all);
        size_t place = *next;
        Node &node = (*nodes)[place];
        ready.erase(next);
        if (node.is_ready && !node.is_ready())
            continue;
        if (node.kind == Kind::kernel)
            counters.kernels_at_priority[priority_of_all != nullptr ? -*priority_of_all
                                                                    : -node.priority]++;
        node.work();
        node.work = nullptr;
        num_left--;
        library_hooks.work_ran();
        for (size_t follower : followers[place])
            if (--num_missing[follower] == 0)
                ready.push_back(follower);
    }
    return num_left == 0;
}

/* Adds all nodes that the found nodes wait for. The first node has place `first`; nodes before it
 * have run. */
template <typename Nodes>
static void add_ancestors(const Nodes &nodes, size_t first, std::vector<bool> *found)
{
    for (size_t i = nodes.size(); i-- > 0;)
        if ((*found)[i])
            for (size_t before : nodes[i].after)
                if (before >= first)
                    (*found)[before - first] = true;
}

std::vector<bool> find_ancestors(const std::vector<Node> &nodes, const Frontier &frontier)
{
    std::vector<bool> found(nodes.size());
    for (size_t place : frontier)
        found[place] = true;
    add_ancestors(nodes, 0, &found);
    return found;
}

/* The order of two nodes is final when the later one is added: nodes only wait for earlier ones. */
template <typename Nodes>
static void check_node(const Nodes &nodes, size_t first, const Node &added)
{
    if (added.cooperative.empty() && added.communicators.empty())
        return;
    std::vector<bool> is_before(nodes.size());
    for (size_t place : added.after)
        if (place >= first)
            is_before[place - first] = true;
    add_ancestors(nodes, first, &is_before);
    for (size_t i = 0; i < nodes.size() && device_error() == cudaSuccess; i++) {
        if (is_before[i])
            continue;
        check_cooperative(nodes[i].cooperative, added.cooperative);
        check_communicators(nodes[i].communicators, added.communicators);
    }
}

void add_node(std::vector<Node> *nodes, Node node, const Frontier &frontier)
{
    node.after = frontier;
    check_node(*nodes, 0, node);
    nodes->push_back(std::move(node));
}

/* Nodes of the queue that have not run, and their places in it. Their dependencies are numbers of
 * this list. */
struct Taken {
    std::vector<Node> nodes;
    std::vector<size_t> places;
};

static Taken take_nodes(const std::vector<bool> &wanted)
{
    constexpr size_t none = SIZE_MAX;
    Taken taken;
    std::vector<size_t> place_taken(queue.size(), none);
    for (size_t i = 0; i < queue.size(); i++) {
        if (!wanted[i] || !queue[i].work)
            continue;
        Node node{std::move(queue[i].work), {}, queue[i].kind, queue[i].priority};
        node.is_ready = std::move(queue[i].is_ready);
        for (size_t before : queue[i].after)
            if (before >= first_place && place_taken[before - first_place] != none)
                node.after.push_back(place_taken[before - first_place]);
        place_taken[i] = taken.nodes.size();
        taken.nodes.push_back(std::move(node));
        taken.places.push_back(i);
    }
    return taken;
}

/* Puts the nodes that have not run back to their places, and forgets the others. */
static void give_back(Taken *taken)
{
    for (size_t i = 0; i < taken->nodes.size(); i++) {
        Node &node = queue[taken->places[i]];
        if (taken->nodes[i].work) {
            node.work = std::move(taken->nodes[i].work);
            node.is_ready = std::move(taken->nodes[i].is_ready);
        } else {
            graphs_pending -= node.kind == Kind::graph;
            node = {};
        }
    }
    while (!queue.empty() && !queue.front().work) {
        queue.pop_front();
        first_place++;
    }
}

/* Returns false if wanted nodes are left, because they wait for other processes. */
static bool run_wanted(const std::vector<bool> &wanted)
{
    if (draining)
        return true;
    draining = true;
    Taken taken = take_nodes(wanted);
    bool all_ran = run_nodes(&taken.nodes);
    give_back(&taken);
    draining = false;
    if (device_error() != cudaSuccess)
        drop_queue();
    return all_ran;
}

/* Returns which nodes of the queue the frontier waits for. */
static std::vector<bool> find_wanted(const Frontier &frontier)
{
    std::vector<bool> wanted(queue.size());
    for (size_t place : frontier)
        if (place >= first_place)
            wanted[place - first_place] = true;
    add_ancestors(queue, first_place, &wanted);
    return wanted;
}

static std::vector<bool> all_nodes()
{
    return std::vector<bool>(queue.size(), true);
}

/* Calls the library's hook for each communicator for whose work the host begins to wait. */
static void announce_wait(const std::vector<bool> &wanted, const char *call)
{
    for (size_t i = 0; i < queue.size() && !draining; i++)
        if (wanted[i])
            for (const void *communicator : queue[i].communicators)
                library_hooks.host_waits(communicator, call);
}

cudaError_t run_queue(const Frontier &frontier, const char *call)
{
    announce_wait(find_wanted(frontier), call);
    while (!run_wanted(find_wanted(frontier)) && device_error() == cudaSuccess)
        pause_host();
    return device_error();
}

cudaError_t drain_queue(const char *call)
{
    announce_wait(all_nodes(), call);
    while (!run_wanted(all_nodes()) && device_error() == cudaSuccess)
        pause_host();
    return device_error();
}

cudaError_t advance_queue()
{
    if (!run_wanted(all_nodes()))
        pause_host();
    return device_error();
}

size_t enqueue(Node node, const Frontier &frontier)
{
    node.after = frontier;
    check_node(queue, first_place, node);
    graphs_pending += node.kind == Kind::graph;
    counters.most_graphs_pending = std::max<uint64_t>(counters.most_graphs_pending, graphs_pending);
    queue.push_back(std::move(node));
    size_t place = first_place + queue.size() - 1;
    if (device().eager)
        advance_queue();
    return place;
}

void drop_queue()
{
    first_place += queue.size();
    queue.clear();
    graphs_pending = 0;
}

bool has_run(size_t place)
{
    return place < first_place || !queue[place - first_place].work;
}

bool queue_is_empty()
{
    return queue.empty();
}

bool queue_has(const void *communicator)
{
    return std::any_of(queue.begin(), queue.end(), [communicator](const Node &node) {
        return std::find(node.communicators.begin(), node.communicators.end(), communicator) !=
               node.communicators.end();
    });
}

} // namespace sim

/* The connections of a rank to the others: Unix sockets, on which nothing waits. */
#ifndef LYRNN_FAKE_NCCL_LINK_H
#define LYRNN_FAKE_NCCL_LINK_H

#include <chrono>
#include <deque>
#include <string>
#include <vector>

#include "call.h"

namespace fake
{

using Time = std::chrono::steady_clock::time_point;
inline Time now()
{
    return std::chrono::steady_clock::now();
}

/* What ranks say first. */
struct Hello {
    int32_t rank, size, bus;
};

/* A call of the peer, with the bytes that it sends to this rank. */
struct Arrived {
    Call call;
    std::vector<char> data;
};

/* The connection to one other rank. */
class Link
{
  public:
    int socket = -1;
    int bus = 0;
    bool has_left = false; /* it destroyed its communicator */
    bool is_gone = false;  /* it is gone without a word */
    Time last_heard = {};
    History history;             /* the calls that arrived */
    std::deque<Arrived> arrived; /* those that this rank has not made yet */

    void open(int connected, const Hello &hello);
    void send_call(const Call &call, const std::vector<char> &data);
    void say_alive();
    void say_goodbye();
    /* Sends and receives what goes without waiting. */
    void advance();
    bool has_sent_all() const;
    void close();

  private:
    std::vector<char> outgoing, incoming;

    void send_frame(char kind, bool is_captured, const std::vector<Part> &parts,
                    const std::vector<char> &data);
    bool take_frame();
};

/* Meets the other ranks. Rank r listens at the name, and connects to those below it. */
class Meeting
{
  public:
    Meeting(std::string the_name, const Hello &the_hello);
    ~Meeting();
    /* Returns whether all are there. */
    bool advance(std::vector<Link> *links);
    /* "", or why they cannot meet. */
    std::string error;

  private:
    std::string name;
    Hello mine;
    int listener = -1;
    std::vector<int> waiting; /* connected, and nothing was said yet */

    void connect_to(int rank, std::vector<Link> *links);
    void accept_all();
    void read_hellos(std::vector<Link> *links);
};

} // namespace fake

#endif

/*
 * What servers for pods share.
 */

#ifndef _POD_H_INCLUDED_
#define _POD_H_INCLUDED_


#define POD_NAME_LEN  128


/* A socket that listens on all addresses; -1 sets errno. */
int pod_listen(int port);

/* The name of the host, which is the pod's; "" when it has none. */
void pod_name(char ret_name[POD_NAME_LEN]);


#endif /* _POD_H_INCLUDED_ */

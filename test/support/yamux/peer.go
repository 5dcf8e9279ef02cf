// The other implementation of yamux: hashicorp's own, as a process that connects to ADDRESS.
//
//	peer server ADDRESS                  echoes every stream until its end, then ends its half
//	peer client ADDRESS STREAMS BYTES    opens that many streams at once, sends so many bytes on each, and reads the
//	                                     echo; prints "ok" once all echoes are whole
package main

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"

	"github.com/hashicorp/yamux"
)

func main() {
	connection, err := net.Dial("tcp", os.Args[2])
	check(err)
	if os.Args[1] == "server" {
		serve(connection)
	} else {
		streams, _ := strconv.Atoi(os.Args[3])
		count, _ := strconv.Atoi(os.Args[4])
		ask(connection, streams, count)
	}
}

func serve(connection net.Conn) {
	session, err := yamux.Server(connection, nil)
	check(err)
	for {
		stream, err := session.Accept()
		if err != nil {
			return
		}
		go func() {
			io.Copy(stream, stream)
			stream.Close()
		}()
	}
}

func ask(connection net.Conn, streams int, count int) {
	session, err := yamux.Client(connection, nil)
	check(err)
	_, err = session.Ping()
	check(err)
	done := make(chan error, streams)
	for index := 0; index < streams; index++ {
		sent := bytes.Repeat([]byte{byte(index), 1, 2, 3, 5, 7, 11}, count/7+1)[:count]
		// One after another: opened at once, their SYNs may come in another order than their ids, which ours refuses.
		stream, err := session.Open()
		check(err)
		go func() {
			go func() {
				_, err := stream.Write(sent)
				check(err)
			}()
			// Closed only after that: a stream that is closed here takes a moment without data for the end.
			got := make([]byte, count)
			_, err := io.ReadFull(stream, got)
			if err == nil && !bytes.Equal(got, sent) {
				err = fmt.Errorf("other bytes came back")
			}
			stream.Close()
			done <- err
		}()
	}
	for index := 0; index < streams; index++ {
		check(<-done)
	}
	fmt.Println("ok")
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
